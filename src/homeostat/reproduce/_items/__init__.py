"""The items of the checklist, a module a section, and what the record can say to each."""
