"""Sphinx's settings; warnings are errors in CI."""

project = "xpcs_mask_bluesky"
author = "the xpcs_mask_bluesky developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
html_theme = "furo"
html_title = project
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "deflist"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autoclass_content = "class"
nitpicky = False
suppress_warnings = ["ref.python"]
