"""The ``gscale density`` command: the density of a table's rows."""

from typing import Annotated

import typer

from gscale.cli import table_options as options
from gscale.cli.terminal import configure

app = typer.Typer(no_args_is_help=True, help="The density of a table's rows, by Gaussianization.")


@app.command()
def fit(
    data: options.Rows,
    out: options.ModelOut,
    columns: options.Columns = None,
    without: options.Without = "",
    categories: options.Categories = "",
    frequency: options.ByFrequency = False,
    impute: options.Fill = False,
    layers: options.Layers = 100,
    seed: options.Seed = 0,
) -> None:
    """Fit the density of the rows of a file."""
    from gscale.estimators import save_density
    from gscale.flows.serialisation import check_ending

    check_ending(out)
    configure()
    frame = options.read_frame(data, columns, without)
    density = options.make_density(categories, frequency, impute, layers, seed)
    with options.naming_file(data):
        density.fit(frame)
    save_density(out, density)
    print(f"{out}: {options.describe_fit(density, len(frame))}")


@app.command()
def score(model: options.Model, data: options.Rows, out: options.TableOut) -> None:
    """Write the log-density of each row of a file, in nats in the units of its columns."""
    import pandas as pd

    from gscale.estimators import load_density

    options.check_table_name(out)
    configure()
    density = load_density(model)
    frame = options.read_like(density, data)
    with options.naming_file(data):
        scores = density.score_samples(frame)
    options.write_table(out, pd.DataFrame({"log_density": scores}))
    print(f"{out}: {len(frame):,} rows, mean log-density {scores.mean():.4g} nats")


@app.command()
def sample(
    model: options.Model,
    out: options.TableOut,
    rows: Annotated[int, typer.Option(help="Rows to draw.")] = 1000,
    seed: options.Seed = 0,
) -> None:
    """Draw new rows from a density."""
    import pandas as pd

    from gscale.estimators import load_density

    options.check_table_name(out)
    configure()
    density = load_density(model)
    drawn = density.sample(rows, random_state=seed)
    names = getattr(density, "feature_names_in_", [str(i) for i in range(drawn.shape[1])])
    options.write_table(out, pd.DataFrame(drawn, columns=list(names)).infer_objects())
    print(f"{out}: {rows:,} rows")
