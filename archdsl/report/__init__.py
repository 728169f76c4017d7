"""Reports: charts as inline SVG, in one self-contained HTML page."""
