"""``python -m for_retrieval`` is ``for-cli``."""

from for_retrieval.cli import main

if __name__ == "__main__":
    main()
