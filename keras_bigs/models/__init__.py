"""The encoder, its tokenizer and preprocessors, and the tasks: keras-hub's shape."""

from keras_bigs.compat.keras_hub_presets import register_presets
from keras_bigs.compat.preset_loading import register_preset_loading
from keras_bigs.compat.tensorflow_devices import hide_gpus_from_tensorflow
from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_masked_lm import BiGSMaskedLM
from keras_bigs.models.bigs.bigs_masked_lm_preprocessor import BiGSMaskedLMPreprocessor
from keras_bigs.models.bigs.bigs_multiple_choice import BiGSMultipleChoice
from keras_bigs.models.bigs.bigs_multiple_choice_preprocessor import (
    BiGSMultipleChoicePreprocessor,
)
from keras_bigs.models.bigs.bigs_presets import CONFIGS
from keras_bigs.models.bigs.bigs_presets import PRESETS
from keras_bigs.models.bigs.bigs_presets import architecture_sizes
from keras_bigs.models.bigs.bigs_question_answerer import BiGSQuestionAnswerer
from keras_bigs.models.bigs.bigs_question_answerer_preprocessor import (
    BiGSQuestionAnswererPreprocessor,
)
from keras_bigs.models.bigs.bigs_text_classifier import BiGSTextClassifier
from keras_bigs.models.bigs.bigs_text_classifier_preprocessor import (
    BiGSTextClassifierPreprocessor,
)
from keras_bigs.models.bigs.bigs_text_embedder import BiGSTextEmbedder
from keras_bigs.models.bigs.bigs_text_embedder_preprocessor import (
    BiGSTextEmbedderPreprocessor,
)
from keras_bigs.models.bigs.bigs_token_classifier import BiGSTokenClassifier
from keras_bigs.models.bigs.bigs_token_classifier_preprocessor import (
    BiGSTokenClassifierPreprocessor,
)
from keras_bigs.models.bigs.bigs_tokenizer import BiGSTokenizer
from keras_bigs.models.bigs.extend_positions import extend_positions
from keras_bigs.models.bigs.with_options import with_options
from keras_bigs.models.encoder import PooledEncoder
from keras_bigs.models.encoder import load_encoder
from keras_bigs.models.encoder import load_task
from keras_bigs.models.encoder import load_tokenizer
from keras_bigs.models.encoder import to_bigs_tokenizer
from keras_bigs.models.export.exportable import check_export_format
from keras_bigs.models.export.exported import load_exported
from keras_bigs.models.export.package import TEXTS as EXPORT_TEXTS
from keras_bigs.models.export.package import export_package
from keras_bigs.models.export.verification import Verification
from keras_bigs.models.export.verification import verify_export
from keras_bigs.models.multiple_choice import MultipleChoice
from keras_bigs.models.offsets import tokenize_with_offsets
from keras_bigs.models.question_answerer import QuestionAnswerer
from keras_bigs.models.token_classifier import TokenClassifier
from keras_bigs.vocabulary import read_vocabulary

hide_gpus_from_tensorflow()
register_presets(PRESETS, BiGSBackbone)
register_preset_loading(BiGSBackbone, PooledEncoder)
