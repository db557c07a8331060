"""The rules that ship with the product, as data: one TOML file per tier. `settings.shipped_rules` loads them."""
