from __future__ import annotations

import json

from augpipe.json_schema import recipe_schema


def test_it_is_printed_or_written(augpipe, tmp_path):
    printed = augpipe("schema")
    assert (printed.code, json.loads(printed.out)) == (0, recipe_schema())
    file = tmp_path / "new" / "augpipe.schema.json"
    assert augpipe("schema", "--out", file).out == f"schema      {file}\n"
    assert json.loads(file.read_text(encoding="utf-8")) == recipe_schema()
