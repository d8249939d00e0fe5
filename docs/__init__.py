"""How guides become notebooks and pages, and the pages a site."""
