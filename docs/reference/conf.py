# SPDX-License-Identifier: MIT
"""conf.py - how Sphinx builds the site from the source that site.py writes"""
import os
import pathlib
import re

from docutils import nodes
from docutils.transforms import Transform
from sphinx import addnodes
from sphinx.domains.c import (CDomain, CEnumObject, CFunctionObject, CMacroObject, CStructObject,
                              CTypeObject)

project = "Tote"
author = "the authors of Tote"
copyright = author  # noqa: A001, the name that Sphinx reads
version = release = os.environ["TOTE_VERSION"]
root_doc = "index"
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
myst_html_meta = {"color-scheme": "light dark"}
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
highlight_language = "none"

html_theme = "furo"
html_title = f"Tote {version}"
html_static_path = ["static"]
html_css_files = ["tote.css"]
html_js_files = ["names.js", "search.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = True
html_show_search_summary = False  # it would read the pages, which file:// does not allow
html_domain_indices = False
html_last_updated_fmt = None
toc_object_entries_show_parents = "hide"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5fa5", "color-brand-content": "#0b5fa5"},
    "dark_css_variables": {"color-brand-primary": "#6cb6ff", "color-brand-content": "#6cb6ff"},
}

# What is a link wherever a page mentions it as code, from names.txt: names, and headers.
names = {}
pages = {}


def several(kind):
    """The directive with several declarations, which `;` separates, each in the page's contents."""

    class Several(kind):
        def get_signatures(self):
            return [one.strip() for one in self.arguments[0].split(";")]

        def _object_hierarchy_parts(self, sig_node):
            return (self._toc_entry_name(sig_node),)

        def _toc_entry_name(self, sig_node):
            name = next(iter(sig_node.findall(addnodes.desc_name))).astext()
            return "" if name.startswith("[") else name

    return Several


class Domain(CDomain):
    """Without parameters, which would hide the functions among the results of a search."""

    def get_objects(self):
        return (one for one in super().get_objects() if one[2] != "functionParam")


def is_in_link(node):
    while node is not None and not isinstance(node, (nodes.reference, addnodes.pending_xref)):
        node = node.parent
    return node is not None


class Links(Transform):
    """Code that is a public name, or a header, is a link to its description."""

    default_priority = 10

    def apply(self, **kwargs):
        document = self.document.settings.env.docname
        for node in list(self.document.findall(nodes.literal)):
            text = node.astext()
            name = text.removesuffix("()")
            if is_in_link(node):
                continue
            if name in names:
                target = addnodes.pending_xref(
                    "", refdomain="c", reftype="identifier", reftarget=names[name],
                    refexplicit=False,
                    refdoc=document, refwarn=True)
            elif text in pages and pages[text] != document:
                target = addnodes.pending_xref(
                    "", refdomain="std", reftype="doc", reftarget=f"/{pages[text]}",
                    refexplicit=True, refdoc=document, refwarn=True)
            else:
                continue
            node.replace_self(target)
            target += node


def repair_theme(app, error):
    """Make the theme of Debian 12 complete: it is built without the bundler that it is written for.

    Its style sheet imports another one by a path of a web server, and lacks the dark colors of
    browsers that prefer them. Its script is a module, which pages do not load as one.
    """
    static = pathlib.Path(app.outdir, "_static")
    style, script = static / "styles/furo.css", static / "scripts/furo.js"
    if error or not style.exists():
        return
    for page in pathlib.Path(app.outdir).rglob("*.html"):
        # A button must not contain a block.
        page.write_text(re.sub(r'<div class="visually-hidden">(.*?)</div>',
                               r'<span class="visually-hidden">\1</span>', page.read_text()))
    css = style.read_text()
    found = re.match(r"@import url\((/javascript/[^)]*)\);", css)
    if found:
        css = pathlib.Path("/usr/share", found[1][1:]).read_text() + css[found.end():]
    if "prefers-color-scheme" not in css:
        dark = re.search(r"@media not print \{(.*?)\} \}\n", css, re.S)[1]
        dark = dark.replace('[data-theme="dark"]', ':not([data-theme="light"])')
        css += f"@media screen and (prefers-color-scheme: dark) {{{dark}}} }}\n"
    style.write_text(css)
    code = script.read_text()
    found = re.match(r'import Gumshoe from "\./([\w.-]+)";', code)
    if found:
        other = script.parent / found[1]
        script.write_text(other.read_text() + code[found.end():])
        other.unlink()


def setup(app):
    app.connect("build-finished", repair_theme)
    with open(os.path.join(app.srcdir, "names.txt"), encoding="utf-8") as file:
        for line in file:
            name, target = line.split()
            (pages if "/" in name else names)[name] = target
    app.add_transform(Links)
    app.add_domain(Domain, override=True)
    for name, kind in (("function", CFunctionObject), ("macro", CMacroObject),
                       ("type", CTypeObject), ("struct", CStructObject), ("enum", CEnumObject)):
        app.add_directive_to_domain("c", name, several(kind), override=True)
