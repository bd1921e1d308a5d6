"""The clients taken in: their list, its export and the overview of them."""
