"""A plan carried out on a batch in few kernels, with Triton, on CUDA."""
