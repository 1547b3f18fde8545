"""How Sphinx builds the site; ``docs/build.py`` calls it."""

import micrograd_tensor as mt

project, author = "micrograd_tensor", "The micrograd_tensor developers"
release = version = mt.__version__
root_doc = "README"
exclude_patterns = ["as_is"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "mathml", "accessible"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_use_ivar = True
default_role = "py:obj"
nitpick_ignore_regex = [("py:.*", ".*")]
smartquotes = False

linkcheck_timeout, linkcheck_retries, linkcheck_rate_limit_timeout = 30, 3, 120
linkcheck_anchors_ignore_for_url = ["https://github.com/"]  # whose pages are put together in the browser

html_theme = "furo"
html_title = "micrograd_tensor"
html_use_index = False
html_show_search_summary = False  # which takes a server; the pages are read from files too
html_show_sourcelink = html_show_copyright = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]
