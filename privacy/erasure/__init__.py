"""Erasing a person: from the request to the certificate.

`requests` is what people and staff do, `fence` stops the person being served and stored, `machine` moves a request on,
`steps` has a store's work done by one worker at a time, `guards` stops what looks like a mistake.
"""
