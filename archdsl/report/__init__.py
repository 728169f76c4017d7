"""Reports: pictures as inline SVG, in one self-contained HTML page."""
