"""What capture keeps of a person, in the log and in each store: to be exported, erased and read again."""
