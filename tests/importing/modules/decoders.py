"""Small decoders as Hugging Face, torchtitan and nanoGPT write them; and a perceptron."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Norm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.to(torch.float32)
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * wide.to(x.dtype)


def turned(x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, kv_heads: int, head: int, causal: bool) -> None:
        super().__init__()
        self.groups, self.head, self.causal = heads // kv_heads, head, causal
        self.q_proj = nn.Linear(width, heads * head, bias=False)
        self.k_proj = nn.Linear(width, kv_heads * head, bias=False)
        self.v_proj = nn.Linear(width, kv_heads * head, bias=False)
        self.o_proj = nn.Linear(heads * head, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        b, s, _ = x.shape
        q = self.q_proj(x).view(b, s, -1, self.head).transpose(1, 2)
        k = self.k_proj(x).view(b, s, -1, self.head).transpose(1, 2)
        v = self.v_proj(x).view(b, s, -1, self.head).transpose(1, 2)
        q, k = q * cos + turned(q) * sin, k * cos + turned(k) * sin
        o = functional.scaled_dot_product_attention(
            q, self.repeated(k), self.repeated(v), is_causal=self.causal
        )
        return self.o_proj(o.transpose(1, 2).reshape(b, s, -1).contiguous())

    def repeated(self, x: Tensor) -> Tensor:
        b, heads, s, k = x.shape
        wide = x[:, :, None].expand(b, heads, self.groups, s, k)
        return wide.reshape(b, heads * self.groups, s, k)


class Layer(nn.Module):
    def __init__(self, index: int, width: int, heads: int, kv: int, head: int, ffn: int) -> None:
        super().__init__()
        self.layer_idx = index
        self.input_layernorm, self.post_attention_layernorm = Norm(width), Norm(width)
        self.self_attn = Attention(width, heads, kv, head, causal=True)
        self.gate_proj = nn.Linear(width, ffn, bias=False)
        self.up_proj = nn.Linear(width, ffn, bias=False)
        self.down_proj = nn.Linear(ffn, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        y = self.post_attention_layernorm(x)
        return x + self.down_proj(functional.silu(self.gate_proj(y)) * self.up_proj(y))


class Llama(nn.Module):
    def __init__(
        self, layers: int, width: int, heads: int, kv: int, head: int, ffn: int, vocab: int
    ) -> None:
        super().__init__()
        self.head = head
        self.embed_tokens = nn.Embedding(vocab, width)
        self.layers = nn.ModuleList(Layer(i, width, heads, kv, head, ffn) for i in range(layers))
        self.norm = Norm(width)
        self.lm_head = nn.Linear(width, vocab, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed_tokens(tokens)
        rates = 1e4 ** (-torch.arange(0, self.head, 2, device=tokens.device) / self.head)
        angles = torch.outer(torch.arange(tokens.shape[1], device=tokens.device), rates)
        cos, sin = torch.cat((angles, angles), -1).cos(), torch.cat((angles, angles), -1).sin()
        for layer in self.layers:
            x = layer(x, cos.to(x.dtype), sin.to(x.dtype))
        return self.lm_head(self.norm(x))


class FusedBlock(nn.Module):
    """nanoGPT's: one projection for queries, keys and values; attention written out."""

    def __init__(self, width: int, heads: int, rows: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.gelu, self.back = (
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
        )
        self.drop = nn.Dropout(0.1)
        self.register_buffer("mask", torch.tril(torch.ones(rows, rows)).view(1, 1, rows, rows))

    def forward(self, x: Tensor) -> Tensor:
        b, s, width = x.shape
        q, k, v = (
            part.view(b, s, self.heads, width // self.heads).transpose(1, 2)
            for part in self.c_attn(self.ln_1(x)).split(width, dim=2)
        )
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        scores = scores.masked_fill(self.mask[:, :, :s, :s] == 0, float("-inf"))
        o = self.drop(functional.softmax(scores, dim=-1)) @ v
        x = x + self.c_proj(o.transpose(1, 2).contiguous().view(b, s, width))
        return x + self.drop(self.back(self.gelu(self.c_fc(self.ln_2(x)))))


class Gpt(nn.Module):
    def __init__(self, layers: int, width: int, heads: int, vocab: int, rows: int) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(rows, width)
        self.h = nn.ModuleList(FusedBlock(width, heads, rows) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocab, bias=False)
        self.wte.weight = self.lm_head.weight

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.size(1), device=tokens.device))
        for block in self.h:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        return functional.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


class ComplexLayer(nn.Module):
    """torchtitan's: rotations as complex products, fewer heads of keys in the kernel itself."""

    def __init__(self, width: int, heads: int, kv: int, ffn: int) -> None:
        super().__init__()
        self.head = width // heads
        self.wq, self.wo = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.wk = nn.Linear(width, kv * self.head, bias=False)
        self.wv = nn.Linear(width, kv * self.head, bias=False)
        self.attention_norm, self.ffn_norm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.w1, self.w3 = nn.Linear(width, ffn, bias=False), nn.Linear(width, ffn, bias=False)
        self.w2 = nn.Linear(ffn, width, bias=False)

    def rotated(self, x: Tensor, table: Tensor) -> Tensor:
        pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
        return torch.view_as_real(pairs * table).flatten(3).type_as(x)

    def forward(self, x: Tensor, angles: Tensor) -> Tensor:
        b, s, _ = x.shape
        table = angles[:s].view(1, s, 1, self.head // 2)
        y = self.attention_norm(x)
        q = self.rotated(self.wq(y).view(b, s, -1, self.head), table).transpose(1, 2)
        k = self.rotated(self.wk(y).view(b, s, -1, self.head), table).transpose(1, 2)
        v = self.wv(y).view(b, s, -1, self.head).transpose(1, 2)
        o = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.wo(o.transpose(1, 2).contiguous().view(b, s, -1))
        y = self.ffn_norm(x)
        return x + self.w2(functional.silu(self.w1(y)) * self.w3(y))


class Titan(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tok_embeddings = nn.Embedding(512, 64)
        self.layers = nn.ModuleDict({str(i): ComplexLayer(64, 8, 2, 96) for i in range(5)})
        self.norm, self.output = nn.RMSNorm(64), nn.Linear(64, 512, bias=False)
        angles = torch.zeros(128, 4, dtype=torch.complex64)
        self.register_buffer("angles", angles, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tok_embeddings(tokens)
        for layer in self.layers.values():
            x = layer(x, self.angles)
        return self.output(self.norm(x))


def tokens(batch: int, seq: int) -> Tensor:
    return torch.zeros(batch, seq, dtype=torch.int32)


def llama() -> tuple[Any, ...]:
    return Llama(3, 64, 4, 2, 16, 96, 512), (tokens(2, 32),)


def llama3_8b() -> tuple[Any, ...]:
    return Llama(32, 4096, 32, 8, 128, 14336, 128256), (tokens(1, 8192),)


def gpt() -> tuple[Any, ...]:
    return Gpt(6, 128, 4, 1000, 64), (tokens(2, 64), tokens(2, 64))


def titan() -> tuple[Any, ...]:
    return Titan(), tokens(2, 128)


def perceptron() -> tuple[Any, ...]:
    layers = [nn.Linear(8, 8) for _ in range(4)]
    return nn.Sequential(*layers, nn.Linear(8, 32), nn.ReLU()), {"input": torch.zeros(2, 4, 8)}
