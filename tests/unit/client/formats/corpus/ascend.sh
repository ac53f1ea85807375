#!/bin/bash
# 昇腾训练脚本
#SBATCH --job-name=盘古微调
#SBATCH --account=pcl/nlp
#SBATCH --qos=high
#SBATCH --gres=npu:910b3:8
#SBATCH --cpus-per-task=96
#SBATCH --mem=512G
#SBATCH --time=24:00:00
#SBATCH --comment="第 3 轮"

source /usr/local/Ascend/ascend-toolkit/set_env.sh
export HCCL_CONNECT_TIMEOUT=1800
torchrun --nproc_per_node=8 /data/pangu/finetune.py --epochs 3
