"""Model folders taken apart by tests."""

import json


def edit(folder, change):
    """Apply a function to the content of a folder's manifest."""
    content = json.loads((folder / "manifest.json").read_text())
    change(content)
    (folder / "manifest.json").write_text(json.dumps(content))
