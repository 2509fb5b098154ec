"""Next baskets: what a person buys again, what others buy, candidates and their features."""
