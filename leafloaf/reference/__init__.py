"""Pages of docs/ that are written from the code by `manage.py write_reference`; `settings.REFERENCE_PAGES` names them.

The functions answer the text of a page. They ask no database, so that CI can write them without one.
"""
