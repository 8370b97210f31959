"""`python -m augpipe`: the command line, as `torchrun -m augpipe` starts it."""

from augpipe.cli.main import run

if __name__ == "__main__":
    run()
