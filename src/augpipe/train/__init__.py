"""The reference trainer: a guest that turns a recipe and two loaders into a trained model.

Read `trainer` first; every other file holds one idea that it tells its story with. Importing this
package imports nothing heavy.
"""
