"""CoLA by length and by phenomenon (paper, Figures 7 and 9)."""
