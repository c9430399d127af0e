# Short names for what is done often; `just` lists them. Nothing here is needed to work.
bin := ".venv/bin"

_list:
    @just --list

# Run the demo shop and its worker
demo *ARGS:
    python3 manage.py demo {{ARGS}}

# Run the tests
test *ARGS:
    python3 manage.py test {{ARGS}}

# Format, and mend what can be mended
fix:
    {{bin}}/ruff check --fix .
    {{bin}}/ruff format .

# Lint, types, arrows, budgets
lint:
    {{bin}}/ruff check .
    {{bin}}/ruff format --check .
    {{bin}}/mypy
    {{bin}}/lint-imports
    {{bin}}/python scripts/budgets.py

# Tests with the branch coverage of the package
coverage *ARGS:
    python3 manage.py test --cov --cov-report=term-missing {{ARGS}}

# Build the documentation (needs the docs extra)
docs:
    {{bin}}/python -m pip install -q -c constraints.txt -e ".[docs]"
    {{bin}}/sphinx-build -W --keep-going -b html docs docs/_build/html

# Renew every pin, for all Pythons and platforms at once (needs uv)
lock:
    uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
        --no-header --no-annotate --upgrade --quiet --output-file constraints.txt

# Everything that must hold before a change lands
ci:
    .ci/run
