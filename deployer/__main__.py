"""The program `deployer`."""

import gc


def main() -> None:
    """Run the program; never returns."""
    # What a start imports stays to the end: to look for garbage in it, again and again and once more when
    # all is taken down, would be a fifth of a short run. Once an inventory is loaded it is looked for.
    gc.set_threshold(200_000)
    try:
        from deployer.cli import main as run  # late: after the threshold

        run()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
