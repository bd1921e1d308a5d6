"""The pages. Each asks who it is, what arrived, makes one call, and shows what came of it."""
