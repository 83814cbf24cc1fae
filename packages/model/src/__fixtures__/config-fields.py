"""The fields that transformers knows of generation_config.json and of a GPT-NeoX config.json, with its defaults.

python3 config-fields.py > config-fields.json

Made with transformers 5.18.0.
"""
import json

import transformers
from transformers import GenerationConfig, GPTNeoXConfig

print(
    json.dumps(
        {
            "transformers": transformers.__version__,
            "generation": sorted(GenerationConfig().to_dict()),
            "generationDefaults": GenerationConfig._get_default_generation_params(),
            "neox": GPTNeoXConfig().to_dict(),
        },
        indent=1,
    )
)
