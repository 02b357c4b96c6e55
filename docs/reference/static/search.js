// SPDX-License-Identifier: MIT
// search.js - the search field completes the names of the reference, and goes to the one it has
//
// Names are those of names.js, which site.py writes. Any other text is searched in all pages.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const root = document.documentElement.dataset.content_root ||
        document.getElementById("documentation_options").dataset.url_root;
    const list = document.createElement("datalist");

    list.id = "tote-names";
    for (const name of Object.keys(toteNames)) {
        list.append(new Option(name, name));
    }
    document.body.append(list);

    // goTo NAME: false if it is not a name of the reference
    const goTo = (text) => {
        const name = text.trim().replace(/\(\)$/, "");
        if (!Object.hasOwn(toteNames, name)) {
            return false;
        }
        location.href = root + toteNames[name];
        return true;
    };

    for (const field of document.querySelectorAll("input.sidebar-search")) {
        field.setAttribute("list", list.id);
        field.setAttribute("autocomplete", "off");
        field.addEventListener("input", (event) => {
            // A name that was chosen from the list, not typed.
            if (!event.inputType || event.inputType === "insertReplacementText") {
                goTo(field.value);
            }
        });
        field.form.addEventListener("submit", (event) => {
            if (goTo(field.value)) {
                event.preventDefault();
            }
        });
    }
});
