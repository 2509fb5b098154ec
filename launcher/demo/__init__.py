"""`afflux demo`: a year of shopping through the whole of Afflux, measured from outside."""
