"""Small images: a classifier from few characters, generators of new ones, and how good these are."""
