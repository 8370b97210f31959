"""The scripts in samples/integrations run as they are, and what they claim is so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from augpipe import build_loader

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "samples" / "integrations"

# What each needs, and how many claims it prints.
SCRIPTS = {
    "plain_loop.py": ([], 1),
    "with_lightning.py": (["lightning"], 2),
    "with_accelerate.py": (["accelerate"], 3),
    "hugging_face.py": (["datasets"], 2),
    "detection.py": ([], 1),
}
SLOW = {"detection.py"}  # half a minute on one core


def need(*modules: str) -> None:
    """Skip where one is missing; they are not imported, for some leave warnings behind."""
    for module in modules:
        if not find_spec(module):
            pytest.skip(f"{module} is not installed")


def test_every_one_is_tried_and_described():
    names = {path.name for path in FOLDER.iterdir() if path.suffix in (".py", ".ipynb")}
    assert names == {*SCRIPTS, "notebook.ipynb"}
    page = (FOLDER / "README.md").read_text()
    assert all(f"`{name}`" in page for name in names)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in SCRIPTS],
)
def test_what_it_claims_is_so(name, tmp_path):
    modules, claims = SCRIPTS[name]
    need(*modules)
    ended = subprocess.run(  # noqa: S603 (our own script)
        [sys.executable, FOLDER / name], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert re.findall(r"\? (\w+)$", ended.stdout, re.MULTILINE) == ["True"] * claims, ended.stdout
    assert not [*tmp_path.iterdir()], "it leaves something behind"


def test_the_notebook_says_again_what_is_written_in_it():
    need("nbclient", "nbformat", "ipykernel")
    program = """
import sys, nbclient, nbformat
book = nbformat.read(sys.argv[1], 4)
before = [cell.get("outputs") for cell in book.cells]
nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
def text(outputs):
    return [o.get("text") or o["data"]["text/plain"] for o in outputs or ()]
for cell, old in zip(book.cells, before):
    assert text(cell.get("outputs")) == text(old), (cell.source, text(cell.outputs), text(old))
    print(cell.cell_type)
"""
    ended = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", program, FOLDER / "notebook.ipynb"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("code") >= 6


SHARES = {
    "accelerate": """
from accelerate import Accelerator
accelerator = Accelerator(cpu=True)
loader = accelerator.prepare(build_loader(SHAPES, batch_size=1, num_workers=0))
rank, rows = accelerator.process_index, [int(batch.index) for batch in loader]
""",
    "lightning": """
import torch
from lightning import LightningModule, Trainer
class Model(LightningModule):
    def __init__(self):
        super().__init__()
        self.one, self.rows = torch.nn.Parameter(torch.ones(())), []
    def train_dataloader(self):
        return build_loader(SHAPES, batch_size=1, num_workers=0)
    def training_step(self, batch, number):
        self.rows.append(int(batch.index))
        return self.one * 1
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False)
model = Model()
ddp = {"accelerator": "cpu", "strategy": "ddp", "devices": 2, "use_distributed_sampler": False}
Trainer(max_epochs=1, **ddp, **off).fit(model)
rank, rows = model.trainer.global_rank, model.rows
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("library", SHARES)
def test_two_processes_share_one_order(library, tmp_path):
    need(library)
    shapes = str(ROOT / "samples" / "shapes")
    head = f"from augpipe import build_loader\nSHAPES = {shapes!r}"
    tail = "import json, pathlib\npathlib.Path(f'{rank}.json').write_text(json.dumps(rows))"
    program = tmp_path / "program.py"
    program.write_text(f"{head}\n{SHARES[library]}\n{tail}\n")
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    ended = subprocess.run(  # noqa: S603 (our own program)
        [*run, program], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    rows = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    order = [int(batch.index) for batch in build_loader(shapes, batch_size=1, num_workers=0)]
    assert rows == [order[::2], order[1::2]]
