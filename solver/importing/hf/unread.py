"""Fields that no family asks for: those known to change no price, and the rest."""

from __future__ import annotations

from dsl.suggest import nearest
from solver.importing.hf.config import Config

_NAMES = """
    _name_or_path _attn_implementation _commit_hash architectures attn_implementation auto_map
    transformers_version torch_dtype dtype use_cache tokenizer_class id2label label2id language
    bos_token_id eos_token_id pad_token_id sep_token_id unk_token_id
    initializer_factor initializer_range gradient_checkpointing pretraining_tp ep_size
    layer_norm_eps layer_norm_epsilon rms_norm_eps norm_eps rope_theta rope_interleave
    rotary_emb_base query_pre_attn_scalar initial_context_length
    experts_per_token head_dim qk_head_dim n_ctx
    aux_loss_alpha seq_aux router_aux_loss_coef router_jitter_noise output_router_logits
    norm_topk_prob routed_scaling_factor scoring_func topk_group
    summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj
    task_specific_params classifier_dropout finetuning_task problem_type
    reorder_and_upcast_attn scale_attn_by_inverse_layer_idx scale_attn_weights
    output_attentions output_hidden_states return_dict torchscript
    cache_implementation sliding_window_size
"""
HARMLESS = frozenset(_NAMES.split())
DROPOUTS = (
    "attention_dropout",
    "attention_probs_dropout_prob",
    "attn_pdrop",
    "embd_pdrop",
    "hidden_dropout",
    "hidden_dropout_prob",
    "resid_pdrop",
)


def account(config: Config) -> None:
    """Say what became of every field that the family did not ask for. One that is null, false or
    empty switches nothing on."""
    for name in DROPOUTS:
        if config.share(name, 0.0) > 0:
            config.remark(name, "the library's models have no dropout")
    if config.value("quantization_config"):
        config.remark("quantization_config", "precisions are those of the spec's `train`")
    for name, value in config.fields.items():
        if name in config.asked or name in HARMLESS or not value:
            continue
        config.remark(name, "not known to `mmp import`, taken to change nothing")
        near = nearest(name, config.asked - set(config.fields), cutoff=0.85)
        help_ = f"did you mean `{near}`?" if near else ""
        config.warnings.add("MMP708", (name,), "not known, taken to change nothing", help_)
