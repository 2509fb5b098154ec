"""Forecasts of daily volumes beside seasonal-naive and Holt-Winters refitted every week."""
