"""Makes snippets.json and families.json: what transformers' own chat template code renders.

    pip install transformers==5.18.0 jinja2==3.1.6 && python golden.py

The time stands still at 2026-07-04 09:05:03.
"""

import json
from datetime import datetime
from pathlib import Path

import jinja2
import transformers
from transformers.utils import chat_template_utils

from cases import CONTEXT, SNIPPETS
from conversations import CASES, SPECIAL

HERE = Path(__file__).parent


class StandingClock(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 7, 4, 9, 5, 3)


chat_template_utils.datetime = StandingClock


def rendered(template, context):
    """The text, the message of `raise_exception`, or the name of the error."""
    try:
        return {"text": chat_template_utils._compile_jinja_template(template).render(**context)}
    except jinja2.TemplateSyntaxError as error:
        return {"error": "TemplateSyntaxError", "line": error.lineno}
    except jinja2.TemplateError as error:
        if type(error) is jinja2.TemplateError:
            return {"raised": str(error)}
        return {"error": type(error).__name__}
    except Exception as error:
        return {"error": type(error).__name__}


def write(name, value):
    versions = {"transformers": transformers.__version__, "jinja2": jinja2.__version__}
    text = json.dumps({"versions": versions, **value}, ensure_ascii=False, indent=1)
    (HERE / name).write_text(text + "\n", encoding="utf-8")


def main():
    snippets = [{"template": template, **rendered(template, CONTEXT)} for template in SNIPPETS]
    write("snippets.json", {"context": CONTEXT, "snippets": snippets})

    families = {}
    for file in sorted((HERE / "templates").glob("*.jinja")):
        template = file.read_bytes().decode("utf-8")
        families[file.stem] = {
            name: rendered(template, {"tools": None, "documents": None, **SPECIAL, **case})
            for name, case in CASES.items()
        }
    write("families.json", {"special": SPECIAL, "cases": CASES, "families": families})


if __name__ == "__main__":
    main()
