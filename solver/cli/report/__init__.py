"""A plan document as a page of text for people.

`page.render` puts the sections together; each section is one module and shows nothing when it
has nothing to say. Names of the user's are never read as markup.
"""
