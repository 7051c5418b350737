"""Published architectures in small: transformers' own classes with random weights, a few dozen KB each.

A family is a config class with small sizes and the inputs a user would export with. `ARCHITECTURES` maps its name to
a function that makes (module, inputs, dims): the dims are torch.export's dynamic shapes, None for none.
"""
import math

import torch
from torch import nn
from torch.export import Dim

ARCHITECTURES = {}

SMALL = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2, use_cache=False)
GROUPED = dict(num_key_value_heads=2, head_dim=8)
EXPERTS = dict(moe_intermediate_size=24, num_experts_per_tok=2, num_experts=4, num_local_experts=4)


def rnd(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def tokens(*shape, seed=0, low=3, high=64):
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def coarse(shape, scale, generator):
    """Normal values in steps of half a deviation, the deviation a power of two: few bits each, so that they pack well."""
    return torch.round(torch.randn(shape, generator=generator) * 2) * 0.5 * 2.0**round(math.log2(scale))


def spread(model, gain=1.0):
    """Weights of the size that training gives: initial ones are so small that layers hardly matter.

    `gain` makes up for what the activations between many convolutions take away: else all places are alike in the end,
    and which of them a detector chooses is a matter of rounding.
    """
    generator = torch.Generator().manual_seed(7)
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.Embedding)
    with torch.no_grad():
        for module in model.modules():
            norm, experts = ("norm" in type(module).__name__.lower(), "experts" in type(module).__name__.lower())
            for name, value in module.named_parameters(recurse=False):
                if not value.is_floating_point():
                    continue
                if isinstance(module, nn.Embedding):
                    value.copy_(coarse(value.shape, 0.5, generator))
                elif isinstance(module, kinds) and name == "weight":
                    factor = 1.0 if isinstance(module, nn.Linear) else gain
                    value.copy_(coarse(value.shape, factor * value.shape[1:].numel()**-0.5, generator))
                elif experts and value.dim() == 3:
                    value.copy_(coarse(value.shape, value.shape[-1]**-0.5, generator))
                elif isinstance(module, kinds):
                    value.copy_(coarse(value.shape, 0.1, generator))
                elif norm:
                    value.add_(coarse(value.shape, 0.1, generator))
                else:
                    value.copy_(value.bfloat16())
            for name, value in module.named_buffers(recurse=False):
                if name in ("running_mean", "running_var"):
                    value.add_(coarse(value.shape, 0.1, generator).abs())
    return model.eval()


class Outputs(nn.Module):
    """The model with named inputs in a fixed order, and the named outputs alone."""

    def __init__(self, model, inputs, outputs, **fixed):
        super().__init__()
        self.model, self.names, self.outputs, self.fixed = model, inputs, outputs, fixed

    def forward(self, *values):
        result = self.model(**dict(zip(self.names, values)), **self.fixed)
        return tuple(getattr(result, name) for name in self.outputs)


def build(model_type, auto, config, gain=1.0):
    import transformers
    torch.manual_seed(1)
    made = transformers.AutoConfig.for_model(model_type, **config)
    kind = getattr(transformers, auto)
    return spread(kind.from_config(made) if auto.startswith("Auto") else kind(made), gain)


def add(name, model_type, auto, config, inputs, outputs=("logits",), dims=None, dtype=None, fixed={}, gain=1.0):
    def make():
        model = build(model_type, auto, config, gain)
        if dtype:
            model = model.to(dtype)
        values = inputs() if callable(inputs) else inputs
        return Outputs(model, list(values), outputs, **fixed), tuple(values.values()), dims

    assert name not in ARCHITECTURES, name
    ARCHITECTURES[name] = make


def causal(name, model_type=None, *, dims=None, dtype=None, ids=None, base=SMALL, **config):
    given = {"input_ids": tokens(2, 7) if ids is None else ids}
    add(name, model_type or name, "AutoModelForCausalLM", {**base, **config}, given, dims=dims, dtype=dtype)


def encoder(name, model_type=None, *, auto="AutoModel", outputs=("last_hidden_state",), extra={}, dims=None, steps=7, base=SMALL, **config):
    mask = torch.ones(2, steps, dtype=torch.int64)
    mask[1, steps - 2:] = 0
    given = {"input_ids": tokens(2, steps), "attention_mask": mask, **extra}
    add(name, model_type or name, auto, {**base, **config}, given, outputs, dims=dims)


def translator(name, model_type=None, *, auto="AutoModelForSeq2SeqLM", source=None, dims=None, without=(), **config):
    base = dict(vocab_size=64, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4, decoder_attention_heads=4,
                encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                decoder_start_token_id=1, use_cache=False)
    base = {key: value for key, value in base.items() if key not in without}
    given = {**(source or {"input_ids": tokens(2, 7)}), "decoder_input_ids": tokens(2, 5, seed=3)}
    add(name, model_type or name, auto, {**base, **config}, given, dims=dims, fixed={"use_cache": False})


STEPS = Dim("steps", min=2, max=32)
BATCH = Dim("batch", min=1, max=8)

# ---- causal language models --------------------------------------------------------------------------------------------

for _name in ("exaone4", "llama", "ministral", "mistral", "olmo2", "qwen2", "qwen3", "smollm3", "cohere", "cohere2", "helium",
              "glm4", "phi3", "seed_oss", "stablelm", "starcoder2", "arcee", "nemotron", "gemma", "persimmon", "phi", "granite",
              "gpt_neox", "biogpt", "diffllama"):
    causal(_name, **GROUPED)
causal("modernbert_decoder", "modernbert-decoder", local_attention=4, global_attn_every_n_layers=2)
causal("hunyuan_dense", "hunyuan_v1_dense", **GROUPED)
causal("gemma2", **GROUPED, query_pre_attn_scalar=8, sliding_window=4)
causal("gemma3", "gemma3_text", **GROUPED, query_pre_attn_scalar=8, sliding_window=4)
causal("gemma3n", "gemma3n_text", **GROUPED, vocab_size_per_layer_input=64, hidden_size_per_layer_input=8, laurel_rank=4,
       altup_num_inputs=2, num_kv_shared_layers=0, sliding_window=4, activation_sparsity_pattern=[0.5, 0.0],
       layer_types=["sliding_attention", "full_attention"])
causal("gemma4", "gemma4_text", **GROUPED, vocab_size_per_layer_input=64, hidden_size_per_layer_input=8, sliding_window=4,
       num_kv_shared_layers=0, global_head_dim=8, layer_types=["sliding_attention", "full_attention"])
causal("llama_bf16", "llama", dtype=torch.bfloat16, **GROUPED)
causal("llama_dyn", "llama", dims=(({0: BATCH, 1: STEPS},),), **GROUPED)
causal("llama3_rope", "llama", rope_parameters=dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0,
       high_freq_factor=4.0, original_max_position_embeddings=32), **GROUPED)
causal("phi3_longrope", "phi3", num_key_value_heads=2, original_max_position_embeddings=32, rope_parameters=dict(
       rope_type="longrope", rope_theta=10000.0, short_factor=[1.0, 1.1, 1.2, 1.3], long_factor=[1.5, 2.0, 2.5, 3.0],
       original_max_position_embeddings=32))
causal("gpt2", ids=tokens(1, 7), n_embd=32, n_layer=2, n_head=4, n_positions=64)
causal("gpt_bigcode", n_embd=32, n_layer=2, n_head=4, n_positions=64)
causal("gpt_neo", attention_types=[[["global", "local"], 1]], num_layers=2, num_heads=4, window_size=4)
causal("gptj", n_embd=32, n_layer=2, n_head=4, rotary_dim=4, n_positions=64)
causal("codegen", n_embd=32, n_layer=2, n_head=4, rotary_dim=4, n_positions=64)
causal("ctrl", n_embd=32, n_layer=2, n_head=4, dff=48, n_positions=64)
causal("opt", ffn_dim=48, word_embed_proj_dim=32)
causal("bloom", n_layer=2, n_head=4)
causal("mpt", d_model=32, n_heads=4, n_layers=2, max_seq_len=64)
causal("falcon", new_decoder_architecture=False, multi_query=True, alibi=False)
causal("falcon_alibi", "falcon", new_decoder_architecture=False, multi_query=False, alibi=True)
causal("xglm", d_model=32, ffn_dim=48, num_layers=2, attention_heads=4)
causal("deepseek_v2", **EXPERTS, num_key_value_heads=4, q_lora_rank=16, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4,
       v_head_dim=8, n_routed_experts=4, n_shared_experts=1, first_k_dense_replace=1, topk_group=1, n_group=1, topk_method="greedy")
causal("xlstm", embedding_dim=32, num_heads=4, num_blocks=2, chunk_size=4, chunkwise_kernel="chunkwise--native_autograd",
       sequence_kernel="native_sequence__native", step_kernel="native", mode="inference", ids=tokens(2, 8))

# ---- mixtures of experts -----------------------------------------------------------------------------------------------

for _name in ("granitemoe", "mixtral", "olmoe", "qwen2_moe", "qwen3_moe", "phimoe", "gpt_oss", "minimax"):
    causal(_name, **{**GROUPED, **EXPERTS, "decoder_sparse_step": 1, "shared_expert_intermediate_size": 24, "block_size": 4})
causal("ernie4_5_moe", **GROUPED, moe_intermediate_size=24, moe_num_experts=4, moe_k=2, moe_layer_start_index=1, moe_num_shared_experts=1)
causal("glm4_moe", **{**GROUPED, **EXPERTS}, n_routed_experts=4, n_shared_experts=1, n_group=2, topk_group=1, first_k_dense_replace=1,
       use_qk_norm=True)
causal("llama4_text", **{**GROUPED, **EXPERTS}, intermediate_size_mlp=48, attention_chunk_size=4, interleave_moe_layer_step=1)
causal("jetmoe", num_key_value_heads=2, kv_channels=8, num_local_experts=4, num_experts_per_tok=2)
causal("jamba", num_key_value_heads=2, num_experts=4, num_experts_per_tok=2, attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2,
       expert_layer_offset=1, mamba_d_state=4, mamba_dt_rank=4, use_mamba_kernels=False)
_DELTA = dict(linear_num_value_heads=4, linear_num_key_heads=2, linear_key_head_dim=8, linear_value_head_dim=8, linear_conv_kernel_dim=3,
              layer_types=["linear_attention", "full_attention"])
causal("qwen3_next", **GROUPED, **EXPERTS, **_DELTA, shared_expert_intermediate_size=24)
causal("qwen3_5", "qwen3_5_text", **GROUPED, **_DELTA)
causal("qwen3_5_moe", "qwen3_5_moe_text", **GROUPED, **EXPERTS, **_DELTA, shared_expert_intermediate_size=24)

# ---- state spaces and other recurrences --------------------------------------------------------------------------------

causal("mamba", state_size=4, time_step_rank=4, conv_kernel=3)
causal("falcon_mamba", state_size=4, time_step_rank=4, conv_kernel=3)
causal("mamba2", state_size=8, num_heads=8, head_dim=8, n_groups=2, chunk_size=4, conv_kernel=3)
_SSD = dict(mamba_d_state=8, mamba_n_heads=8, mamba_d_head=8, mamba_n_groups=2, mamba_d_conv=3, mamba_chunk_size=4, mamba_expand=2)
causal("bamba", num_key_value_heads=2, **_SSD, attn_layer_indices=[1])
causal("falcon_h1", **GROUPED, **_SSD, mamba_d_ssm=64)
causal("granitemoehybrid", num_key_value_heads=2, **_SSD, num_local_experts=4, num_experts_per_tok=2, shared_intermediate_size=24,
       layer_types=["mamba", "attention"])
causal("nemotron_h", **GROUPED, hybrid_override_pattern="M*", mamba_num_heads=8, mamba_head_dim=8, ssm_state_size=8, n_groups=2,
       conv_kernel=3, chunk_size=4, expand=2)
causal("zamba2", num_key_value_heads=4, mamba_d_state=8, mamba_expand=2, n_mamba_heads=8, mamba_ngroups=1, mamba_headdim=8, chunk_size=4,
       mamba_d_conv=3, layers_block_type=["mamba", "hybrid"], num_mem_blocks=1, adapter_rank=4)
causal("olmo_hybrid", **GROUPED, **_DELTA)
causal("lfm2", **GROUPED, layer_types=["conv", "full_attention"], conv_L_cache=3, block_ff_dim=48, block_multiple_of=8)
causal("rwkv", attention_hidden_size=32, context_length=64)
causal("recurrent_gemma", num_key_value_heads=1, head_dim=8, lru_width=32, attention_window_size=4, conv1d_width=3,
       block_types=["recurrent", "attention"])

# ---- encoders of text --------------------------------------------------------------------------------------------------

KINDS = {"token_type_ids": torch.tensor([[0, 0, 0, 1, 1, 1, 1]] * 2)}
POOLED = ("last_hidden_state", "pooler_output")
encoder("bert", outputs=POOLED, extra=KINDS)
encoder("bert_qa", "bert", auto="AutoModelForQuestionAnswering", outputs=("start_logits", "end_logits"), extra=KINDS)
encoder("bert_dyn", "bert", outputs=POOLED, dims=(({0: BATCH, 1: STEPS}, {0: BATCH, 1: STEPS}),))
encoder("albert", outputs=POOLED, embedding_size=16)
encoder("roberta", auto="AutoModelForMaskedLM", outputs=("logits",))
encoder("xlm_roberta", "xlm-roberta", outputs=POOLED)
encoder("distilbert", dim=32, hidden_dim=48, n_layers=2, n_heads=4)
encoder("eurobert", **GROUPED)
encoder("electra", embedding_size=16)
encoder("bigbird", "big_bird", attention_type="original_full")
encoder("nomic_bert", outputs=("last_hidden_state",))
encoder("squeezebert", embedding_size=32)
encoder("esm", auto="AutoModelForMaskedLM", outputs=("logits",), mask_token_id=3, position_embedding_type="rotary", emb_layer_norm_before=True)
encoder("mobilebert", embedding_size=16, true_hidden_size=16, intra_bottleneck_size=16)
encoder("roformer", embedding_size=32)
encoder("convbert", embedding_size=32, head_ratio=2, conv_kernel_size=3, num_groups=1)
encoder("deberta_v1", "deberta", relative_attention=True, pos_att_type=["c2p", "p2c"], max_relative_positions=16)
encoder("deberta_v2", "deberta-v2", relative_attention=True, pos_att_type=["c2p", "p2c"], position_buckets=4, norm_rel_ebd="layer_norm",
        share_att_key=True, conv_kernel_size=3, conv_act="gelu")
encoder("xlnet", base={key: value for key, value in SMALL.items() if key != "max_position_embeddings"}, d_model=32, n_layer=2, n_head=4, d_inner=48)
encoder("canine", outputs=POOLED, steps=32, num_hash_functions=2, num_hash_buckets=32, downsampling_rate=4, local_transformer_stride=8,
        upsampling_kernel_size=4, max_position_embeddings=64)
encoder("modernbert", local_attention=4, global_attn_every_n_layers=2)
_FUNNEL = {key: value for key, value in SMALL.items() if key != "num_hidden_layers"}
encoder("funnel", auto="FunnelModel", base=_FUNNEL, steps=8, block_sizes=[1, 1], num_decoder_layers=1, d_model=32, n_head=4, d_head=8, d_inner=48,
        extra={"token_type_ids": torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1]] * 2)})
encoder("mpnet", outputs=POOLED)
encoder("tapas", extra={"token_type_ids": torch.stack([torch.arange(7).repeat(2, 1) % (2 + i) for i in range(7)], -1)},
        type_vocab_sizes=[3, 8, 8, 8, 8, 8, 10])
encoder("yoso", use_expectation=True)
add("fnet", "fnet", "AutoModel", SMALL, {"input_ids": tokens(2, 8), "token_type_ids": torch.tensor([[0] * 4 + [1] * 4] * 2)}, POOLED)
add("perceiver", "perceiver", "PerceiverForMaskedLM", dict(SMALL, num_latents=8, d_latents=32, d_model=32, num_blocks=1, num_self_attends_per_block=2,
    num_self_attention_heads=4, num_cross_attention_heads=4, qk_channels=32, v_channels=32, max_position_embeddings=16),
    {"inputs": tokens(2, 16), "attention_mask": torch.ones(2, 16, dtype=torch.int64)})

# ---- encoders with decoders --------------------------------------------------------------------------------------------

_T5 = dict(d_kv=8, d_ff=48, num_layers=1, num_decoder_layers=1, num_heads=4, relative_attention_num_buckets=8,
           relative_attention_max_distance=16, decoder_start_token_id=0)
translator("bart")
translator("marian")
translator("pegasus")
translator("m2m100", "m2m_100")
translator("t5", **_T5)
translator("mt5", **_T5)
translator("longt5", source={"input_ids": tokens(2, 7), "attention_mask": torch.ones(2, 7, dtype=torch.int64)}, **_T5, local_radius=3, encoder_attention_type="local")
translator("prophetnet", without=("encoder_layers", "decoder_layers"), hidden_size=32, num_encoder_layers=1, num_decoder_layers=1, num_encoder_attention_heads=4, num_decoder_attention_heads=4,
           ngram=2, num_buckets=8, relative_max_distance=16)
translator("whisper", auto="AutoModelForSpeechSeq2Seq", source={"input_features": rnd(2, 8, 32)}, num_mel_bins=8, max_source_positions=16,
           max_target_positions=16)
translator("moonshine", auto="AutoModelForSpeechSeq2Seq", source={"input_values": rnd(2, 1600)}, hidden_size=32, intermediate_size=48,
           encoder_num_hidden_layers=1, decoder_num_hidden_layers=1, encoder_num_attention_heads=4, decoder_num_attention_heads=4)
add("t5_enc_dyn", "t5", "T5EncoderModel", dict(SMALL, d_model=32, **_T5), {"input_ids": tokens(2, 7)}, ("last_hidden_state",),
    dims=(({0: BATCH, 1: STEPS},),))

# ---- sound -------------------------------------------------------------------------------------------------------------

_WAVES = dict(conv_dim=[16, 16], conv_kernel=[10, 3], conv_stride=[5, 2], num_feat_extract_layers=2, num_conv_pos_embeddings=8,
              num_conv_pos_embedding_groups=2, layerdrop=0.0, apply_spec_augment=False)
for _name, _type, _more in (("wav2vec2", "wav2vec2", {}), ("hubert", "hubert", {}), ("unispeech_sat", "unispeech-sat", {}),
                            ("wavlm", "wavlm", dict(num_buckets=16, max_bucket_distance=32)),
                            ("data2vec_audio", "data2vec-audio", dict(num_conv_pos_embeddings=2, conv_pos_kernel_size=5)),
                            ("sew", "sew", dict(squeeze_factor=2)),
                            ("wav2vec2_conformer", "wav2vec2-conformer", dict(position_embeddings_type="relative", conv_depthwise_kernel_size=5))):
    add(_name, _type, "AutoModelForCTC", {**SMALL, **_WAVES, **_more}, {"input_values": rnd(2, 400)})
add("wav2vec2_bert", "wav2vec2-bert", "AutoModelForCTC", dict(SMALL, feature_projection_input_dim=16, conv_depthwise_kernel_size=5, layerdrop=0.0,
    apply_spec_augment=False, left_max_position_embeddings=8, right_max_position_embeddings=4), {"input_features": rnd(2, 12, 16)})
add("parakeet_ctc", "parakeet_ctc", "AutoModelForCTC", dict(vocab_size=64, pad_token_id=0, encoder_config=dict(hidden_size=32, num_hidden_layers=1,
    num_attention_heads=4, intermediate_size=48, conv_kernel_size=5, subsampling_conv_channels=8, num_mel_bins=16, layerdrop=0.0)),
    {"input_features": rnd(2, 40, 16)})
add("ast", "audio-spectrogram-transformer", "AutoModelForAudioClassification", dict(SMALL, patch_size=4, max_length=24, num_mel_bins=16,
    frequency_stride=4, time_stride=4), {"input_values": rnd(2, 24, 16)})
add("clap_audio", "clap_audio_model", "ClapAudioModel", dict(spec_size=32, num_mel_bins=8, patch_size=4, patch_stride=[4, 4], window_size=4,
    hidden_size=32, depths=[1, 1], num_attention_heads=[2, 4], patch_embeds_hidden_size=16, projection_dim=16, aff_block_r=4, num_classes=8),
    {"input_features": rnd(1, 1, 64, 8)}, POOLED)
add("whisper_enc", "whisper", "WhisperForAudioClassification", dict(vocab_size=64, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
    decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, num_mel_bins=8, max_source_positions=16, max_target_positions=16,
    classifier_proj_size=16, pad_token_id=0), {"input_features": rnd(2, 8, 32)})

# ---- detection and segmentation ----------------------------------------------------------------------------------------

_RESNET = dict(model_type="resnet", embedding_size=8, hidden_sizes=[8, 16, 16, 32], depths=[1, 1, 1, 1], layer_type="basic",
               out_features=["stage4"])
_DETR = dict(use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, d_model=32, encoder_layers=1, decoder_layers=1,
             encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, num_queries=6, num_labels=4)
BOXES = ("logits", "pred_boxes")
PIXELS = {"pixel_values": rnd(1, 3, 64, 64)}
add("detr", "detr", "AutoModelForObjectDetection", dict(_DETR, backbone_config=_RESNET), PIXELS, BOXES)
add("conditional_detr", "conditional_detr", "AutoModelForObjectDetection", dict(_DETR, backbone_config=_RESNET), PIXELS, BOXES)
add("deformable_detr", "deformable_detr", "AutoModelForObjectDetection", dict({**_DETR, "decoder_layers": 2, "d_model": 64}, backbone_config=dict(_RESNET, out_features=["stage3", "stage4"]),
    num_feature_levels=3, encoder_n_points=2, decoder_n_points=2), PIXELS, BOXES)
add("yolos", "yolos", "AutoModelForObjectDetection", dict(SMALL, image_size=[32, 32], patch_size=8, num_detection_tokens=5, num_labels=4),
    {"pixel_values": rnd(1, 3, 48, 40)}, BOXES)
_RT = dict(encoder_hidden_dim=32, encoder_in_channels=[16, 16, 32], feat_strides=[8, 16, 32], encoder_layers=1, encoder_ffn_dim=48,
           encoder_attention_heads=4, d_model=32, num_queries=6, decoder_in_channels=[32, 32, 32], decoder_ffn_dim=48, num_feature_levels=3,
           decoder_n_points=2, decoder_layers=2, decoder_attention_heads=4, num_denoising=0, eval_size=None, num_labels=4,
           encode_proj_layers=[2], depth_mult=1.0, hidden_expansion=0.5)
_RT_BACK = dict(model_type="rt_detr_resnet", embedding_size=8, hidden_sizes=[8, 16, 16, 32], depths=[1, 1, 1, 1], layer_type="basic",
                out_features=["stage2", "stage3", "stage4"])
add("rt_detr", "rt_detr", "AutoModelForObjectDetection", dict(_RT, backbone_config=_RT_BACK), PIXELS, BOXES, gain=2.0)
add("rt_detr_v2", "rt_detr_v2", "AutoModelForObjectDetection", dict(_RT, backbone_config=_RT_BACK), PIXELS, BOXES, gain=2.0)
add("d_fine", "d_fine", "AutoModelForObjectDetection", dict(_RT, decoder_n_points=[2, 2, 2], max_num_bins=8, backbone_config=dict(
    model_type="hgnet_v2", stem_channels=[3, 8, 8], stage_in_channels=[8, 8, 16, 16], stage_mid_channels=[4, 4, 8, 8],
    stage_out_channels=[8, 16, 16, 32], stage_num_blocks=[1, 1, 1, 1], stage_numb_of_layers=[1, 1, 1, 1], stage_downsample=[False, True, True, True],
    stage_light_block=[False, False, True, True], stage_kernel_size=[3, 3, 5, 5], hidden_sizes=[8, 16, 16, 32], depths=[1, 1, 1, 1], out_features=["stage2", "stage3", "stage4"])), PIXELS, BOXES, gain=2.0)
add("owlvit", "owlvit", "OwlViTForObjectDetection", dict(projection_dim=32, text_config=dict(SMALL, max_position_embeddings=8), vision_config=dict(
    hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8)),
    {"input_ids": tokens(2, 8), "pixel_values": rnd(1, 3, 32, 32), "attention_mask": torch.ones(2, 8, dtype=torch.int64)}, BOXES)
add("upernet", "upernet", "UperNetForSemanticSegmentation", dict(hidden_size=16, pool_scales=[1, 2], auxiliary_in_channels=16, num_labels=4,
    backbone_config=dict(model_type="convnext", hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], out_features=["stage1", "stage2", "stage3", "stage4"])),
    PIXELS)
add("sam", "sam", "SamModel", dict(vision_config=dict(hidden_size=32, output_channels=16, num_hidden_layers=2, num_attention_heads=4, image_size=32,
    patch_size=4, window_size=3, global_attn_indexes=[1], num_pos_feats=8, mlp_dim=48), prompt_encoder_config=dict(hidden_size=16, image_size=32,
    patch_size=4, mask_input_channels=4), mask_decoder_config=dict(hidden_size=16, mlp_dim=32, num_hidden_layers=1, num_attention_heads=2,
    iou_head_hidden_dim=16, iou_head_depth=2)), {"pixel_values": rnd(1, 3, 32, 32), "input_points": torch.tensor([[[[4.0, 9.0], [20.0, 3.0]]]])},
    ("iou_scores", "pred_masks"), fixed={"multimask_output": True})
