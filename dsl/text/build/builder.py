"""The callbacks of all rules in one object. It has no state: one serves every parse."""

from __future__ import annotations

from dsl.text.build.declarations import DeclarationRules
from dsl.text.build.expressions import ExpressionRules
from dsl.text.build.models import ModelRules
from dsl.text.build.plan import PlanRules


class Builder(ExpressionRules, DeclarationRules, ModelRules, PlanRules):
    """What the automaton calls when a rule has matched."""
