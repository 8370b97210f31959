"""Where pictures come from: rows of a folder, a table, arrays or any map-style dataset."""
