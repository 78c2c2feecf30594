"""*User profiles*: staff look at one person, within a look-up (`privacy.lookups`) and never without."""
