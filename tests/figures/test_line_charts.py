import numpy as np

from stylegan_cli.figures.charts import Curve, Panel, line_chart


def panel(*spread):
    curve = Curve(name="fd", x=(0.0, 1.0), y=(1.0, 2.0), spread=spread or (0.0, 0.0))
    return Panel(x="psi", y="distance", curves=(curve,))


def test_every_panel_makes_the_picture_higher():
    one, two = line_chart([panel()]), line_chart([panel(), panel()])
    assert one.shape[1:] == two.shape[1:]
    assert one.shape[2] == 3
    assert two.shape[0] > one.shape[0]


def test_a_spread_is_seen():
    assert not np.array_equal(line_chart([panel()]), line_chart([panel(0.5, 0.5)]))
