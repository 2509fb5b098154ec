"""What is asked on behalf of a person: to see what is kept, to be forgotten, not to be scored."""
