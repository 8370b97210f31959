import torch

from augpipe.train.seed import rng_state, seed_torch, set_rng_state

CPU = torch.device("cpu")


def test_equal_seeds_draw_alike_and_different_ones_do_not():
    draws = []
    for seed in (5, 5, 6):
        seed_torch(seed)
        draws.append(torch.rand(4))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_a_restored_state_draws_what_followed_it():
    seed_torch(5)
    torch.rand(3)
    state = rng_state(CPU)
    expected = torch.rand(4)
    torch.rand(100)
    set_rng_state(state, CPU)
    assert torch.equal(torch.rand(4), expected)
