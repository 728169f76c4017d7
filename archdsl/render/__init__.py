"""Diagnostics as text for people (`text`), as JSON for programs (`json`), as SARIF for code hosts (`sarif`)."""
