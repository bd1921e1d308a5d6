"""How dates and numbers look, per language; see FORMAT_MODULE_PATH."""
