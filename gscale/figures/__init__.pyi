from .figure_kinds import describe as describe
from .html.anomaly_page import Scored as Scored, write_anomalies as write_anomalies
from .html.results_page import Results as Results, write_report as write_report
from .render_matplotlib import draw as draw, draw_sweep as draw_sweep, plot_sweeps as plot_sweeps
from .spec import Axis as Axis, Description as Description, Panel as Panel, Series as Series
