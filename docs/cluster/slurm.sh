#!/bin/bash
# sbatch slurm.sh: one worker per node. --requeue and the signal let a preempted job resume.
#SBATCH --job-name=tf_i2i
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@120

set -euo pipefail
run=$SCRATCH/runs/mine
workers=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed 's/.*/"&:12345"/' | paste -sd, -)
export workers run

# Each task sets its own TF_CONFIG: the same list, its own index.
srun bash -c '
  export TF_CONFIG="{\"cluster\": {\"worker\": [$workers]}, \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}"
  if ls "$run"/checkpoints/ckpt-*.json >/dev/null 2>&1; then resume=--resume; fi
  exec .venv/bin/python -m training.cyclegan --run "$run" --domain-a photos/ --domain-b paintings/ --batch-size 2 ${resume:-}
'
