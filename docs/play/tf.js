// The parts of TensorFlow.js that the playground uses: operations, Adam, WebAssembly kernels, and gradients of operations outside the blocks in net.js.
import {image, registerGradient, registerKernel} from '@tensorflow/tfjs-core/dist/base.js';
import {addGradConfig} from '@tensorflow/tfjs-core/dist/gradients/Add_grad.js';
import {multiplyGradConfig} from '@tensorflow/tfjs-core/dist/gradients/Multiply_grad.js';
import {reshapeGradConfig} from '@tensorflow/tfjs-core/dist/gradients/Reshape_grad.js';
import '@tensorflow/tfjs-backend-wasm/dist/base.js';
import {addConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Add.js';
import {avgPoolConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/AvgPool.js';
import {batchMatMulConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/BatchMatMul.js';
import {castConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Cast.js';
import {conv2DConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Conv2D.js';
import {fillConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Fill.js';
import {gatherV2Config} from '@tensorflow/tfjs-backend-wasm/dist/kernels/GatherV2.js';
import {identityConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Identity.js';
import {logConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Log.js';
import {maxConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Max.js';
import {meanConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Mean.js';
import {multiplyConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Multiply.js';
import {onesLikeConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/OnesLike.js';
import {padV2Config} from '@tensorflow/tfjs-backend-wasm/dist/kernels/PadV2.js';
import {realDivConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/RealDiv.js';
import {reluConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Relu.js';
import {reshapeConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Reshape.js';
import {resizeNearestNeighborConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/ResizeNearestNeighbor.js';
import {reverseConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Reverse.js';
import {rsqrtConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Rsqrt.js';
import {sliceConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Slice.js';
import {softmaxConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Softmax.js';
import {sqrtConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Sqrt.js';
import {squareConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Square.js';
import {stepConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Step.js';
import {subConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Sub.js';
import {sumConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Sum.js';
import {transposeConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/Transpose.js';
import {zerosLikeConfig} from '@tensorflow/tfjs-backend-wasm/dist/kernels/ZerosLike.js';

for (const gradient of [addGradConfig, multiplyGradConfig, reshapeGradConfig]) registerGradient(gradient);
for (const kernel of [addConfig, avgPoolConfig, batchMatMulConfig, castConfig, conv2DConfig, fillConfig, gatherV2Config, identityConfig, logConfig, maxConfig, meanConfig, multiplyConfig,
  onesLikeConfig, padV2Config, realDivConfig, reluConfig, reshapeConfig, resizeNearestNeighborConfig, reverseConfig, rsqrtConfig, sliceConfig, softmaxConfig, sqrtConfig,
  squareConfig, stepConfig, subConfig, sumConfig, transposeConfig, zerosLikeConfig]) registerKernel(kernel);

export const resizeNearest = image.resizeNearestNeighbor;
export {setWasmPaths} from '@tensorflow/tfjs-backend-wasm/dist/base.js';
export {AdamOptimizer} from '@tensorflow/tfjs-core/dist/optimizers/adam_optimizer.js';
export {add, avgPool, conv2d, customGrad, gather, keep, log, matMul, max, mean, mul, pad, ready, relu, reshape, reverse, rsqrt, setBackend, slice, softmax, square, step, sub, sum, tensor, tidy, transpose, variable, zerosLike} from '@tensorflow/tfjs-core/dist/base.js';
