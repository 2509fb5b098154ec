"""Event data to replay: The Complete Journey, CDNOW, and a generated set for want of both."""
