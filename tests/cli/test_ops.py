from __future__ import annotations

from augpipe import list_ops


def test_every_op_is_listed_with_what_it_does(augpipe):
    lines = augpipe("ops").out.splitlines()
    assert [line.split()[0] for line in lines] == list_ops()
    assert all(len(line.split()) > 3 for line in lines)


def test_one_op_is_described_with_its_defaults(augpipe):
    out = augpipe("ops", "RandomErasing").out
    assert "Zhong et al." in out
    assert "scale: (0.02, 0.33)" in out


def test_an_unknown_op_offers_the_nearest(augpipe):
    ended = augpipe("ops", "gausian_blur")
    assert ended.code == 2
    assert "did you mean 'gaussian_blur'?" in ended.err
