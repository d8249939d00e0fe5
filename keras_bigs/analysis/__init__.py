"""Numbers and figures of the paper's section 7."""

from keras_bigs.analysis.agreement import agreement_accuracy
from keras_bigs.analysis.agreement import forced_choice
from keras_bigs.analysis.agreement import plot_agreement
