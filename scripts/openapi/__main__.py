"""Write the OpenAPI document: python -m scripts.openapi"""

from __future__ import annotations

from scripts.openapi.document import FILE, text

if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(FILE)
